"""One module per slip, each a pure function from facts to a document."""
