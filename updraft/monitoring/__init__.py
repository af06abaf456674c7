"""Whether the world still is what the champion has learnt: drift, and the pages that show it."""
