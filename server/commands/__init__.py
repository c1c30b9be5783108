"""The commands of gongdan-server: read arguments, call one service, say what came of it."""
