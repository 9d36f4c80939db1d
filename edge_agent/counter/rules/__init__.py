"""What a sale costs, what pays it, who may allow it, and how a basket changes. Pure."""
