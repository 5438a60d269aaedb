/**
 * The dashboard's page: its files as they are, and uPlot's, which draws its charts.
 *
 * The page is for everybody who reaches the listener: it holds nothing of this deployment. What it shows it asks the API
 * for, with the token that the one who looks at it brings. It asks no other host for anything and may not.
 *
 * Invariant: nothing but the files named here is ever read, whatever is asked for.
 */

import { readFile } from 'node:fs/promises'
import type { Endpoint } from './admin-server.ts'
import { type AdminAnswer, problem } from './answer.ts'

const FOLDER = new URL('dashboard/', import.meta.url)
const UPLOT = 'uplot/dist/'

const SCRIPT = 'text/javascript; charset=utf-8'
const STYLE = 'text/css; charset=utf-8'
const OWN_SCRIPTS = [
  ...['asking', 'charts', 'elements', 'format', 'main', 'purge'],
  ...['samples', 'scheme', 'stream', 'tables', 'tiles', 'warm'],
]

interface File {
  readonly contentType: string
  readonly url: () => URL
}

const PAGE: File = { contentType: 'text/html; charset=utf-8', url: () => new URL('index.html', FOLDER) }

const FILES: ReadonlyMap<string, File> = new Map([
  ...OWN_SCRIPTS.map((name) => [`${name}.js`, own(`${name}.js`, SCRIPT)] as const),
  ['dashboard.css', own('dashboard.css', STYLE)],
  ['uPlot.esm.js', ofUPlot('uPlot.esm.js', SCRIPT)],
  ['uPlot.min.css', ofUPlot('uPlot.min.css', STYLE)],
])

const FIELDS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

/** Paths of the admin listener, with what they answer. */
export function dashboardEndpoints(): readonly (readonly [string, Endpoint])[] {
  return [
    ['/', { isForEverybody: true, methods: { GET: () => answer(PAGE) } }],
    ['/dashboard/', { isForEverybody: true, methods: { GET: ({ rest }) => answer(FILES.get(nameIn(rest))) } }],
  ]
}

async function answer(file: File | undefined): Promise<AdminAnswer> {
  if (file === undefined) return problem(404, 'The dashboard has no such file')
  return { status: 200, contentType: file.contentType, body: await readFile(file.url()), fields: FIELDS }
}

/** Without the query. */
function nameIn(rest: string): string {
  return rest.split('?', 1)[0] ?? ''
}

function own(name: string, contentType: string): File {
  return { contentType, url: () => new URL(name, FOLDER) }
}

function ofUPlot(name: string, contentType: string): File {
  return { contentType, url: () => new URL(import.meta.resolve(`${UPLOT}${name}`)) }
}
