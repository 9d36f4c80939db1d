"""What customers are told, once, by mail and by programs: an order came in, is ready, left, was cancelled."""
