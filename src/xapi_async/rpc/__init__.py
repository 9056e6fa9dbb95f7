"""From a call to an answer: dispatch, sessions, roles, tasks, events and the implicit messages."""
