"""What has to be done once a day: old data dropped, and the marts proven."""
