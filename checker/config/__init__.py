"""Where a gateway keeps its files, its settings (reversi.toml), and atomic file writes."""
