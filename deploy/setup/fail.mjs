/** What went wrong, in one line on stderr, and the end. */
export function fail(message) {
  process.stderr.write(`kura: ${message}\n`)
  process.exit(1)
}

/** A line of progress. On stderr, so that `npm run -s kura -- get … -o -` stays clean. */
export function tell(message) {
  process.stderr.write(`kura: ${message}\n`)
}
