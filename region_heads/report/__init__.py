"""The report and the steps' pages."""
