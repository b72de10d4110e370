"""Storykeep keeps Instagram Stories: captures them before they expire and turns them into campaign marts."""
