"""Kinds of campus sign-in 统一身份认证: each turns a provider's answers into a Person, or refuses clearly."""
