"""The books as files that other programs check: CSV, JSON lines, beancount, hledger, and their manifest."""
