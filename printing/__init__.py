"""Facts in, paper out: documents, their bytes, and a queue per printer that never loses a job."""
