import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { endAll, run, start } from './program.ts'

const ERRORS = pathToFileURL(resolve(import.meta.dirname, '../../src/errors.ts'))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-demo-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(endAll)

/** A preload module that puts this source in the place of the demo. */
async function insteadOfDemo(source: string): Promise<string> {
  const demo = join(folder, 'demo.mjs')
  const preload = join(folder, 'preload.mjs')
  await writeFile(demo, source)
  await writeFile(
    preload,
    `import { registerHooks } from 'node:module'
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === './demo.ts' ? { url: ${JSON.stringify(pathToFileURL(demo).href)}, shortCircuit: true } : next(specifier, context),
})
`,
  )
  return preload
}

const TELLING_DEMO = `
import { createServer } from 'node:net'
export async function startDemo({ port, s3Port, adminPort, print }) {
  const server = createServer().listen(0, '127.0.0.1')
  print('ports ' + [port, s3Port, adminPort].join(' '))
  return { close: () => new Promise((closed) => server.close(() => { print('closed'); closed() })) }
}
`

test.each([
  [[], 'ports 8080 9100 9090'],
  [['--port', '0', '--s3-port', '0', '--admin-port', '0'], 'ports 0 0 0'],
  [['--s3-port=4711'], 'ports 8080 4711 9090'],
])('%j: %s', async (options, expected) => {
  const { child, line, ended } = start(['demo', ...options], { preload: await insteadOfDemo(TELLING_DEMO) })
  expect(await line('ports')).toBe(expected)
  child.kill('SIGINT')
  expect(await ended).toEqual({ code: 0, stdout: `${expected}\nclosed\n`, stderr: '' })
})

test('a demo that cannot start says why in one sentence, with exit code 1', async () => {
  const preload = await insteadOfDemo(`
import { StartError } from '${ERRORS}'
export async function startDemo() { throw new StartError('port 8080 is taken') }
`)
  expect(await run(['demo'], { preload })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'segment-shield: port 8080 is taken\n',
  })
})

test('without its development packages the demo says where it runs', async () => {
  const preload = await insteadOfDemo("import 'a-package-that-is-not-installed'\n")
  expect(await run(['demo'], { preload })).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'segment-shield: the demo runs from a checkout: clone the repository, then npm ci and npm start ' +
      "(Cannot find package 'a-package-that-is-not-installed')\n",
  })
})

test('a fault in the demo itself is no missing package', async () => {
  const preload = await insteadOfDemo("throw new Error('a fault of its own')\n")
  const { code, stderr } = await run(['demo'], { preload })
  expect(code).toBe(1)
  expect(stderr).toContain('Error: a fault of its own\n    at ')
})
