"""The language that edges and the hub speak: values, rules and messages, with no I/O of their own."""
