/** Lines for the person at the terminal. */
import { styleText } from 'node:util'

/** News from the launcher or a warning of a service. */
export function tell(line: string): void {
  process.stdout.write(`kura: ${color(line)}\n`)
}

export function tellError(line: string): void {
  process.stderr.write(`kura: ${color(line)}\n`)
}

function color(line: string): string {
  if (!process.stdout.isTTY) return line
  if (/\b(error|fatal|died|KILLED)\b/.test(line)) return styleText('red', line)
  if (/\bwarn\b/.test(line)) return styleText('yellow', line)
  return line
}
