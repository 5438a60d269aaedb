/** The files to deploy with say what is true of this project, and linters that are installed find nothing wrong. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { readConfig } from '../../src/config/load.ts'
import { findProgram } from '../support/programs.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ENVIRONMENT = {
  DO_SPACEACCESSKEY: 'AK',
  DO_SPACESECRETKEY: 'SK',
  DO_SPACESBUCKET: 'media',
  ADMIN_TOKEN: 'a-token-of-some-length',
}
const YAMLLINT_RULES =
  '{extends: default, rules: {line-length: disable, document-start: disable, comments-indentation: disable, braces: {max-spaces-inside: 1}, comments: {min-spaces-from-content: 1}}}'

const directory = mkdtempSync(join(tmpdir(), 'segment-shield-deploy-'))
afterAll(() => rmSync(directory, { recursive: true }))

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manifest = JSON.parse(read('package.json'))
const dockerfile = read('config/docker/Dockerfile')
const unit = read('config/systemd/segment-shield.service')
const kubernetes = parseAllDocuments(read('config/kubernetes/segment-shield.yaml')).map((one) => one.toJS())
const ofKind = (kind: string) => kubernetes.find((one) => one.kind === kind)

async function readText(text: string) {
  const file = join(directory, 'config.yaml')
  writeFileSync(file, text)
  return readConfig(file, ENVIRONMENT)
}

/** The arguments of each instruction of that name. */
function instructions(name: string): string[] {
  const lines = dockerfile.replaceAll('\\\n', ' ').split('\n')
  return lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1).trim())
}

describe('the image', () => {
  test('is built and run with a Node that the project runs on', () => {
    const wanted = /\d+/.exec(manifest.engines.node)?.[0]
    const bases = instructions('FROM')
    expect(bases.length).toBe(2)
    for (const base of bases) expect(base).toMatch(new RegExp(`^node:${wanted}-`))
  })

  test('is made of files that are there', () => {
    const copied = instructions('COPY').filter((it) => !it.startsWith('--from'))
    const sources = copied.flatMap((it) => it.split(/\s+/).slice(0, -1))
    expect(sources.length).toBeGreaterThan(4)
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([])
  })

  test('runs what the package installs as its command, as nobody special', () => {
    expect(instructions('ENTRYPOINT').map((it) => JSON.parse(it))).toEqual([['node', manifest.bin['segment-shield']]])
    expect(instructions('USER')).toEqual(['node'])
  })

  test('serves a configuration without a fault, whose admin listener its health check asks', async () => {
    const config = await readText(read('config/docker/config.yaml'))
    expect(instructions('HEALTHCHECK').join()).toContain(`http://${config.admin?.address}/health`)
  })
})

describe('the Compose file', () => {
  const { shield } = parse(read('config/docker/compose.yaml')).services

  test('builds the image from this directory, and gives it what its configuration asks for', () => {
    expect(existsSync(join(ROOT, 'config/docker', shield.build.context, shield.build.dockerfile))).toBe(true)
    const asked = [...read('config/docker/config.yaml').matchAll(/\$\{(\w+)(?!:-)\}/g)].map(([, name]) => name)
    expect(Object.keys(shield.environment)).toEqual(expect.arrayContaining(asked))
  })
})

describe('the Kubernetes manifests', () => {
  const [container] = ofKind('Deployment').spec.template.spec.containers

  test('hold a configuration without a fault', async () => {
    const config = await readText(ofKind('ConfigMap').data['config.yaml'])
    const ports = container.ports.map(({ containerPort }: { containerPort: number }) => containerPort)
    expect([config.listen[0]?.address, config.admin?.address]).toEqual(ports.map((port: number) => `0.0.0.0:${port}`))
  })

  test('name the same pods, the same image and the same places everywhere', () => {
    const labels = ofKind('Deployment').spec.template.metadata.labels
    expect(ofKind('Service').spec.selector).toEqual(labels)
    expect(ofKind('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels)
    expect(ofKind('Deployment').spec.selector.matchLabels).toEqual(labels)
    expect(container.image).toBe(`segment-shield:${manifest.version}`)
  })

  test('give the container more memory than its cache may take', () => {
    const limitMiB = Number(/^(\d+)Mi$/.exec(container.resources.limits.memory)?.[1])
    expect(limitMiB).toBeGreaterThan(1024 * 1.25 + 120)
  })
})

describe.skipIf(findProgram('systemd-analyze') === undefined)('systemd-analyze', () => {
  test('finds nothing wrong in the unit', () => {
    const file = join(directory, 'segment-shield.service')
    // What it starts is not installed here.
    writeFileSync(file, unit.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'))
    const said = execFileSync('sh', ['-c', 'systemd-analyze verify "$0" 2>&1', file], { encoding: 'utf8' })
    expect(said.split('\n').filter((line) => line.includes('segment-shield.service'))).toEqual([])
  })
})

describe.skipIf(findProgram('yamllint') === undefined)('yamllint', () => {
  test('finds nothing wrong in any file of config', () => {
    expect(() =>
      execFileSync('yamllint', ['--strict', '-d', YAMLLINT_RULES, join(ROOT, 'config')], { stdio: 'pipe' }),
    ).not.toThrow()
  })
})
