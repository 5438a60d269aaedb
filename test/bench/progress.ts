/** Where the benchmark is, for whoever waits: on standard error, so that it is no part of the report. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}
