"""The daemon; sshd's log lines become events in tests/checker/sshd/test_log_reader.py."""
