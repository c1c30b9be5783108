"""What the pages of the office and of the device share: their language, their files, words for times and sizes."""
