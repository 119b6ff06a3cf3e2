"""What makes the book of its chapters: graph, execution, site, report, command line."""
