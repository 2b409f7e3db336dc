/** A real terminal for a test: a pane of a tmux server of its own. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Of a terminal that nobody has configured, so that a test sees the same everywhere. */
const SHELL = "env PS1='$ ' bash --norc --noprofile"

export class RealTerminal implements AsyncDisposable {
  readonly #server: string

  private constructor(server: string) {
    this.#server = server
  }

  /** Needs Debian's tmux. */
  static async open(size: { readonly columns: number; readonly rows: number }) {
    const terminal = new RealTerminal(`kura-test-${process.pid}`)
    const { columns, rows } = size
    const place = ['-d', '-s', 'test', '-x', String(columns), '-y', String(rows)]
    await terminal.#tmux(['-f', '/dev/null', 'new-session', ...place, SHELL])
    return terminal
  }

  /** Types a line and Enter. */
  async typeLine(line: string): Promise<void> {
    await this.#tmux(['send-keys', '-t', 'test', '-l', line])
    await this.#tmux(['send-keys', '-t', 'test', 'Enter'])
  }

  async typeKey(key: string): Promise<void> {
    await this.#tmux(['send-keys', '-t', 'test', key])
  }

  async resize(size: { readonly columns: number; readonly rows: number }): Promise<void> {
    const { columns, rows } = size
    await this.#tmux(['resize-window', '-t', 'test', '-x', String(columns), '-y', String(rows)])
  }

  /** What a person sees, without blanks at the ends of lines and of the page. */
  async text(options: { readonly withStyles?: boolean } = {}): Promise<string> {
    const styles = options.withStyles === true ? ['-e'] : []
    return (await this.#tmux(['capture-pane', '-p', ...styles, '-t', 'test'])).trimEnd()
  }

  /** Whether the shell's own screen and its cursor are there. */
  async isCleanScreen(): Promise<boolean> {
    const format = '#{alternate_on} #{cursor_flag}'
    return (await this.#tmux(['display-message', '-p', '-t', 'test', format])).trim() === '0 1'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux(['kill-server'])
  }

  async #tmux(args: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-L', this.#server, ...args])
    return stdout
  }
}
