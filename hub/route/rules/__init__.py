"""Deciding where each unit of an order comes from: questions, options, the exact optimum and its reasons."""
