"""Staff at work: grants, the counter of a desk, approvals of two, one student's page, and who looked at whom."""
