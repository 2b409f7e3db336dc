/**
 * The whole terminal as one picture: the alternate screen, without a cursor, given back as it was
 * found however the command ends.
 */
import type { Line, Tone } from './frame.ts'
import type { Screen } from '../terminal.ts'

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
const RESET = '\u001b[0m'
const STYLES: Readonly<Record<Tone, string>> = {
  title: '\u001b[7m',
  heading: '\u001b[1m',
  plain: '',
  bad: '\u001b[31m',
}
/** q, Q, Ctrl-C, Ctrl-D, and Escape by itself. */
const QUIT_KEYS: readonly string[] = ['q', 'Q', '\u0003', '\u0004', '\u001b']

export class TopScreen implements Disposable {
  readonly #screen: Screen
  readonly #hasColor: boolean
  readonly #stack = new DisposableStack()

  /** Takes the screen over; `draw` is called again when its size changes, `quit` at a key. */
  constructor(options: {
    readonly screen: Screen
    readonly hasColor: boolean
    readonly redraw: () => void
    readonly quit: () => void
  }) {
    this.#screen = options.screen
    this.#hasColor = options.hasColor
    this.#screen.write(ENTER)
    this.#stack.defer(() => this.#screen.write(LEAVE))
    this.#stack.defer(this.#screen.onResize(options.redraw))
    const onKeys = (keys: string): void => {
      if (QUIT_KEYS.includes(keys) || [...keys].some((key) => 'qQ\u0003'.includes(key))) {
        options.quit()
      }
    }
    this.#stack.defer(this.#screen.onKeys(onKeys))
  }

  /** One write, line over line: what stays the same does not flicker. */
  draw(lines: readonly Line[]): void {
    const painted = lines.map((line) => this.#paint(line) + CLEAR_LINE)
    this.#screen.write(HOME + painted.join('\r\n') + CLEAR_BELOW)
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  #paint({ text, tone }: Line): string {
    const style = this.#hasColor ? STYLES[tone] : ''
    return style === '' ? text : style + text + RESET
  }
}
