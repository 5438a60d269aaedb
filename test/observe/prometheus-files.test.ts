/** The dashboard and the alert rules ask for what a running shield really says, label by label and value by value. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { makeCertificate, makeFolder } from '../support/certificates.ts'
import { findProgram, leftOut } from '../support/programs.ts'
import { configOf, running } from '../support/reloadable.ts'
import { request, startShield } from '../support/shield.ts'
import { parseExposition, type Series } from './exposition-text.ts'

const CONFIG = resolve(import.meta.dirname, '../../config')
const ALERTS = join(CONFIG, 'prometheus/alerts.yaml')
const PROMETHEUS = join(CONFIG, 'prometheus/prometheus.yaml')
const read = (file: string) => readFileSync(file, 'utf8')

interface Panel {
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const dashboard: { readonly panels: readonly Panel[] } = JSON.parse(read(join(CONFIG, 'grafana/segment-shield.json')))
const { groups } = parse(read(ALERTS)) as {
  groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[]
}
const rules = groups.flatMap((group) => group.rules)

/** Prometheus adds these to whatever it reads. */
const OF_TARGET = ['job', 'instance']

interface Matcher {
  readonly label: string
  readonly operator: string
  readonly value: string
}

interface Question {
  readonly where: string
  readonly expr: string
  /** Labels that a text about the result shows. */
  readonly shown: readonly string[]
}

const questions: readonly Question[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: `${title}: ${expr}`,
      expr,
      shown: [...legendFormat.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label = '']) => label),
    })),
  ),
  ...rules.map(({ alert, expr, annotations }) => ({
    where: alert,
    expr,
    shown: [
      ...Object.values(annotations)
        .join()
        .matchAll(/\$labels\.(\w+)/g),
    ].map(([, label = '']) => label),
  })),
]

/** Every metric that is named, with what it is chosen by. */
function selectorsIn(expr: string): { readonly name: string; readonly matchers: readonly Matcher[] }[] {
  return [...expr.matchAll(/\b((?:segment_shield|process|nodejs)_\w+|up\b)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', inside = '']) => ({
      name,
      matchers: [...inside.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => ({
          label,
          operator,
          value,
        }),
      ),
    }),
  )
}

function labelsGroupedBy(expr: string): string[] {
  return [...expr.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, inside = '']) =>
    inside.split(',').map((label) => label.trim()),
  )
}

function isMatched({ labels }: Series, { label, operator, value }: Matcher): boolean {
  if (OF_TARGET.includes(label)) return true
  const is = operator.endsWith('~')
    ? new RegExp(`^(?:${value})$`).test(labels[label] ?? '')
    : (labels[label] ?? '') === value
  return operator.startsWith('!') ? !is : is
}

/** A shield that has had every kind of request that the files ask about. */
async function exported(): Promise<readonly Series[]> {
  const limits = { perClient: { requestsPerSecond: 1000 } }
  const { app, s3, port, accessRecords } = await startShield({ admin: {}, limits, listen: { tls: makeCertificate() } })
  s3.put('a', 'x', { 'cache-control': 'max-age=60' })
  s3.on('b', (exchange) => exchange.error(503, 'SlowDown'))
  s3.put('c', 'y'.repeat(1000))
  s3.on('c', async (exchange) => {
    await exchange.answerPart(100, { etag: undefined })
    exchange.reset()
  })
  const paths = ['/a', '/a', '/b', '/c']
  for (const path of paths) await request(port, { path, isSecure: true })
  await accessRecords(paths.length)
  // A process that has collected no garbage yet says nothing of it, and a short test may come to its end before.
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const scrape = async () => String((await request(app.admin?.port ?? 0, { path: '/metrics' })).body)
  await expect.poll(scrape, { interval: 1 }).toContain('nodejs_gc_duration_seconds_sum{')
  return [...parseExposition(await scrape()), ...(await exportedOfTwoOrigins())]
}

/** What only a route with a second origin has to say. */
async function exportedOfTwoOrigins(): Promise<readonly Series[]> {
  const origins = { first: { endpoint: 'http://127.0.0.1:1' }, second: { endpoint: 'http://127.0.0.1:1' } }
  const routes = [{ match: '/**', origin: ['first', 'second'] }]
  const { adminPort } = await running(configOf(origins, { routes, admin: { address: '127.0.0.1:0' } }))
  const { body } = await request(adminPort, { path: '/metrics' })
  return parseExposition(String(body)).filter(({ name }) => name.includes('failovers'))
}

test('every metric, label and value that is asked for is there', async () => {
  const up: Series = { name: 'up', labels: { job: 'segment-shield' }, value: 1 }
  const series = [up, ...(await exported())]
  const missing = questions.flatMap(({ where, expr, shown }) => {
    const selectors = selectorsIn(expr)
    expect(selectors.length, where).toBeGreaterThan(0)
    return selectors.flatMap(({ name, matchers }) => {
      const ofMetric = series.filter((one) => one.name === name)
      if (ofMetric.length === 0) return [`${where}: no ${name}`]
      const known = new Set([...OF_TARGET, ...ofMetric.flatMap(({ labels }) => Object.keys(labels))])
      const asked = [...matchers.map(({ label }) => label), ...labelsGroupedBy(expr), ...shown]
      const unknown = asked.filter((label) => !known.has(label)).map((label) => `${where}: ${name} has no ${label}`)
      const isThere = ofMetric.some((one) => matchers.every((matcher) => isMatched(one, matcher)))
      return isThere ? unknown : [...unknown, `${where}: no ${name} is like that`]
    })
  })
  expect(missing).toEqual([])
})

test('what the shield says of itself is on the dashboard', async () => {
  const told = new Set((await exported()).map(({ name }) => name).filter((name) => name.startsWith('segment_shield_')))
  const asked = new Set(questions.flatMap(({ expr }) => selectorsIn(expr).map(({ name }) => name)))
  const parts = [...asked].map((name) => name.replace(/_(?:bucket|sum|count)$/, ''))
  expect([...told].filter((name) => !parts.includes(name.replace(/_(?:bucket|sum|count)$/, '')))).toEqual([])
})

test('panels fill their rows and none lies on another', () => {
  const taken = new Map<string, string>()
  for (const { title, gridPos } of dashboard.panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(taken.get(`${x} ${y}`), title).toBeUndefined()
        taken.set(`${x} ${y}`, title)
      }
    }
  }
  const depth = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h))
  expect(taken.size).toBe(24 * depth)
})

const promtool = findProgram('promtool')
if (promtool === undefined) leftOut('checking and trying the alert rules', 'promtool is not installed')

describe.skipIf(promtool === undefined)('promtool', () => {
  const run = (...args: readonly string[]) => execFileSync(promtool ?? '', args, { encoding: 'utf8' })

  test('takes the alert rules', () => {
    expect(run('check', 'rules', '--lint-fatal', ALERTS)).toContain(`SUCCESS: ${rules.length} rules found`)
  })

  test('understands every question of the dashboard', () => {
    const asked = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    const filled = asked.map((expr) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'))
    const records = filled.map((expr, index) => ({ record: `asked:${index}`, expr }))
    const file = join(makeFolder(), 'asked.yaml')
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: records }] }))
    expect(run('check', 'rules', file)).toContain(`SUCCESS: ${asked.length} rules found`)
  })

  test('takes the configuration that reads a shield', () => {
    expect(run('check', 'config', '--syntax-only', PROMETHEUS)).toContain('SUCCESS')
  })

  test('sees alerts come when they should, and no others', () => {
    const files = ['alerts.promtool.yaml', 'alerts-of-a-day.promtool.yaml']
    const said = run('test', 'rules', ...files.map((file) => join(import.meta.dirname, file)))
    expect(said.match(/SUCCESS/g)).toHaveLength(files.length)
  })
})
