"""What every room stands on: settings, clock, ids, problems, pages, identity, HTTP, AWS clients."""
