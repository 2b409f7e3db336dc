/** What all plots write their SVG with. */

export function drawText(x: number, y: number, content: string, attributes: string): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${safe}</text>`
}

export function round(value: number): string {
  return value.toFixed(1)
}
