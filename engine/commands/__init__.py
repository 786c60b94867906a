"""The command line's commands, by what a person wants: run something, look at results, check what is there."""
