"""Department connectors 部门对接: how the departments' systems are asked, and how their answers are proven."""
