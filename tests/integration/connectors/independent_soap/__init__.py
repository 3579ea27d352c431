"""A finance office on the Node package soap, a SOAP server that others wrote."""
