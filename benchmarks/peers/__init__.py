"""The peers that Gongdan is measured against, each a real server process."""
