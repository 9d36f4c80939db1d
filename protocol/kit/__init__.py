"""What both programs run on: the one part of the protocol package that does I/O."""
