"""The durable queue between what happened and the paper that says so."""
