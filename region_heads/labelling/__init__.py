"""Exports of labelling tools become records, and questions that a model doubts become tasks of such a tool."""
