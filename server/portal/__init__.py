"""The pages for customers, who need no login: report a fault, follow it, add to it, rate the service."""
