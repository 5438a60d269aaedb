/** Prometheus' text format taken apart, as far as tests have to know it. */

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g

/** @throws on a line that is neither a comment nor a figure */
export function parseExposition(text: string): readonly Series[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = LINE.exec(line) ?? []
      if (name === undefined || value === undefined) throw new Error(`no figure: ${line}`)
      const pairs = [...labels.matchAll(LABEL)].map(([, label = '', said = '']) => [label, said])
      return { name, labels: Object.fromEntries(pairs), value: Number(value.replace('Inf', 'Infinity')) }
    })
}

/** The figures of one metric as `label=value,…: figure`, without those that are 0. */
export function figuresOf(series: readonly Series[], name: string): Readonly<Record<string, number>> {
  const shown = series
    .filter((one) => one.name === name && one.value !== 0)
    .map(({ labels, value }) => [Object.values(labels).join(' '), value])
  return Object.fromEntries(shown)
}
