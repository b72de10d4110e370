"""Saying goodbye: to be left alone, to be forgotten, and to be told what was kept."""
