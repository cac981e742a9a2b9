"""Brings a data set into place as it was downloaded: ``download`` lays it out, ``archives`` unpacks."""
