"""The university's sign-in server: an OpenID Connect provider on Authlib's server side."""
