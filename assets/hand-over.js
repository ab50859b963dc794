// The page has a button for browsers without this script.
document.querySelector('form').submit()
