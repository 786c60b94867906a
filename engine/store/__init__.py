"""What is on disk: run folders (the truth), the inbox (commands), prepared splits, and the catalog (a view that can
be rebuilt).
"""
