"""The commands of `gongdan-field`, one module for what is used together, each loaded when it is called for."""
