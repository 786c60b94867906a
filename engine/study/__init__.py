"""The reference study: which runs it is made of, what is shipped of them, and what may be said from them. Light."""
