"""What routing knows: parameters in versions, distances, calendars, demand; and the question they make."""
