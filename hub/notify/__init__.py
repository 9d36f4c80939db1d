"""What customers are told by mail, once: their order came in, is ready, is on its way, was cancelled."""
