/**
 * A real Ceph RADOS Gateway, the engine of DigitalOcean Spaces, on 127.0.0.1: one monitor, one OSD that keeps its
 * objects in memory, one radosgw. It needs Debian's packages radosgw, ceph-mon and ceph-osd, and no service of the
 * system.
 *
 * The invariant: every program started here is a child of this process, is ended by its pid, and does not outlive the
 * thread that started it, even if that thread is killed (the kernel sees to it: PR_SET_PDEATHSIG, by setpriv).
 *
 *     const rgw = await startRgw()
 *     await rgw.client.send(new PutObjectCommand({ Bucket: rgw.bucket, Key: 'a.ts', Body: bytes }))
 *     … rgw.endpoint, rgw.credentials, await rgw.stopGateway(), await rgw.startGateway()
 *     await rgw.close()
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { type ClaimedPort, claimPort } from './claimed-port.ts'
import { findProgram } from './programs.ts'

const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'monmaptool', 'osdmaptool', 'setpriv']
const RGW_NAME = 'client.rgw.a'
/** Seconds, not minutes: what takes longer than this has gone wrong. */
const STEP_TIMEOUT_MS = 40_000
const POLL_MS = 25

export interface RgwCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface RgwOptions {
  /** S3 over http. @default a free one, the same for as long as this gateway is in use */
  readonly port?: number
  /** Made at the start, empty. @default 'segments' */
  readonly bucket?: string
}

export interface Rgw {
  /** Path style: `http://127.0.0.1:PORT`. */
  readonly endpoint: string
  /** Virtual-host style: `http://s3.localhost:PORT`; the names below s3.localhost do not resolve everywhere. */
  readonly virtualHostEndpoint: string
  readonly region: string
  readonly bucket: string
  /** Of the user the bucket belongs to. */
  readonly credentials: RgwCredentials
  /** Signs as the bucket's owner, for putting objects where a test wants them. Closed by `close()`. */
  readonly client: S3Client
  /** Undefined while the gateway is stopped. */
  readonly gatewayPid: number | undefined
  /** A user of its own, with no rights in anyone's bucket. */
  createUser(): Promise<RgwCredentials>
  /** Kills radosgw as a crash would: connections are reset, the objects stay. Resolves when its port is free. */
  stopGateway(): Promise<void>
  /** Starts radosgw on the same port with the same objects. Resolves when it answers. */
  startGateway(): Promise<void>
  close(): Promise<void>
}

/** The first program a gateway cannot do without that is not on PATH. */
export function missingRgwProgram(): string | undefined {
  return PROGRAMS.find((name) => findProgram(name) === undefined)
}

/**
 * Starts a gateway with an empty bucket, in a second or two. Several at once do not meet: each has its own ports, data
 * and credentials.
 *
 * @throws {Error} with the last lines of every log when one of the programs does not come up
 */
export async function startRgw(options: RgwOptions = {}): Promise<Rgw> {
  const cluster = new Cluster(await mkdtemp(join(tmpdir(), 'segment-shield-rgw-')))
  try {
    const claims = [await cluster.claim(), ...(options.port === undefined ? [await cluster.claim()] : [])]
    const [monPort = 0, port = options.port ?? 0] = claims
    const bucket = options.bucket ?? 'segments'
    await cluster.start(monPort, port)
    // Users first: while radosgw runs, nothing else then has to wait for its caches.
    const credentials = await cluster.createUser()
    await cluster.startGateway()
    const endpoint = `http://127.0.0.1:${port}`
    const client = new S3Client({ endpoint, region: REGION, credentials, forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    return {
      endpoint,
      virtualHostEndpoint: `http://${DNS_NAME}:${port}`,
      region: REGION,
      bucket,
      credentials,
      client,
      get gatewayPid() {
        return cluster.gatewayPid
      },
      createUser: () => cluster.createUser(),
      stopGateway: () => cluster.stopGateway(),
      startGateway: () => cluster.startGateway(),
      close: async () => {
        client.destroy()
        await cluster.close()
      },
    }
  } catch (error) {
    const logs = await cluster.lastLines()
    await cluster.close()
    throw new Error(`Ceph RGW did not come up\n${logs}`, { cause: error })
  }
}

const REGION = 'us-east-1'
const DNS_NAME = 's3.localhost'

class Cluster {
  readonly #folder: string
  readonly #running = new Map<string, ChildProcess>()
  readonly #claims: ClaimedPort[] = []
  /** Best effort for a process that ends without `close()`: setpriv ends the programs, this removes their files. */
  readonly #onExit = (): void => {
    for (const program of this.#running.values()) program.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }
  #port = 0

  constructor(folder: string) {
    this.#folder = folder
    process.once('exit', this.#onExit)
  }

  get gatewayPid(): number | undefined {
    return this.#running.get('radosgw')?.pid
  }

  async claim(): Promise<number> {
    const claim = await claimPort()
    this.#claims.push(claim)
    return claim.port
  }

  async start(monPort: number, port: number): Promise<void> {
    this.#port = port
    const folder = this.#folder
    const fsid = randomUUID()
    for (const name of ['mon', 'osd', 'rgw', 'run', 'log']) await mkdir(join(folder, name))
    await writeFile(join(folder, 'keyring'), keyring(), { mode: 0o600 })
    await writeFile(join(folder, 'ceph.conf'), configuration(folder, fsid, monPort, port))
    const monMap = join(folder, 'monmap')
    const osdMap = join(folder, 'osdmap')
    const monAddress = `v2:127.0.0.1:${monPort}`
    await Promise.all([
      run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monAddress, monMap]),
      run('osdmaptool', ['--createsimple', '1', osdMap]),
    ])
    await run('ceph-mon', this.#withConf(['--mkfs', '-i', 'a', '--monmap', monMap, '--osdmap', osdMap]))
    this.#launch('ceph-mon', ['-i', 'a'])
    await run('ceph-osd', this.#withConf(['--mkfs', '-i', '0', '--osd-uuid', randomUUID()]))
    this.#launch('ceph-osd', ['-i', '0'])
    // A client that asks while the OSD is still booting is made to wait for many seconds; one that asks after is not.
    await this.#until('ceph-osd', async () =>
      (await readFile(join(folder, 'log', 'osd.0.log'), 'utf8')).includes('state: booting -> active'),
    )
  }

  async createUser(): Promise<RgwCredentials> {
    const credentials = {
      accessKeyId: `KEY${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(20).toString('hex'),
    }
    const name = `user-${randomUUID()}`
    const create = ['user', 'create', `--uid=${name}`, `--display-name=${name}`]
    const keys = [`--access-key=${credentials.accessKeyId}`, `--secret-key=${credentials.secretAccessKey}`]
    await run('radosgw-admin', this.#withConf(['-n', RGW_NAME, ...create, ...keys]))
    return credentials
  }

  async startGateway(): Promise<void> {
    if (this.#running.has('radosgw')) throw new Error('the gateway is running')
    this.#launch('radosgw', ['-n', RGW_NAME])
    await this.#until('radosgw', async () => {
      const response = await fetch(`http://127.0.0.1:${this.#port}/`, { headers: { connection: 'close' } })
      await response.arrayBuffer()
      return response.ok
    })
  }

  stopGateway(): Promise<void> {
    return this.#kill('radosgw')
  }

  async close(): Promise<void> {
    process.off('exit', this.#onExit)
    for (const name of [...this.#running.keys()].reverse()) await this.#kill(name)
    for (const claim of this.#claims.splice(0)) claim.release()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async lastLines(): Promise<string> {
    const folder = join(this.#folder, 'log')
    const names = await readdir(folder).catch(() => [] as string[]) // nothing was written before it failed
    const tails = names.map(async (name) => {
      const lines = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
      return `--- ${name}\n${lines.slice(-5).join('\n')}`
    })
    return (await Promise.all(tails)).join('\n')
  }

  #withConf(args: readonly string[]): string[] {
    return ['-c', join(this.#folder, 'ceph.conf'), ...args]
  }

  #launch(name: string, args: readonly string[]): void {
    const output = openSync(join(this.#folder, 'log', `${name}.out`), 'a')
    const program = spawn('setpriv', ['--pdeathsig', 'KILL', name, '-f', ...this.#withConf(args)], {
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    this.#running.set(name, program)
    // A program that cannot even be started has no exit code either; `#until` sees that it is gone.
    program.once('error', () => this.#forget(name, program))
    program.once('exit', () => this.#forget(name, program))
  }

  #forget(name: string, program: ChildProcess): void {
    if (this.#running.get(name) === program) this.#running.delete(name)
  }

  async #kill(name: string): Promise<void> {
    const program = this.#running.get(name)
    if (program === undefined) return
    const exited = once(program, 'exit')
    program.kill('SIGKILL') // nothing it holds has to outlive it
    await exited
  }

  /** Asks until the answer is yes. A question that fails is a no: the program is not there yet. */
  async #until(name: string, isReady: () => Promise<boolean>): Promise<void> {
    for (let waitedMs = 0; waitedMs < STEP_TIMEOUT_MS; waitedMs += POLL_MS) {
      if (await isReady().catch(() => false)) return
      if (!this.#running.has(name)) throw new Error(`${name} ended by itself`)
      await pause(POLL_MS)
    }
    throw new Error(`${name} was not ready in ${STEP_TIMEOUT_MS} ms`)
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, { timeout: STEP_TIMEOUT_MS, killSignal: 'SIGKILL' })
}

/** What `ceph-authtool` would write: Ceph's key is its type, a time (seconds, nanoseconds), a length and 16 bytes. */
function keyring(): string {
  const users = { 'mon.': ['mon'], 'osd.0': ['mon', 'osd'], [RGW_NAME]: ['mon', 'osd'] }
  return Object.entries(users)
    .map(([name, powers]) => {
      const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0])
      const key = Buffer.concat([head, randomBytes(16)]).toString('base64')
      return `[${name}]\nkey = ${key}\n${powers.map((power) => `caps ${power} = "allow *"\n`).join('')}`
    })
    .join('')
}

function configuration(folder: string, fsid: string, monPort: number, port: number): string {
  return `[global]
fsid = ${fsid}
keyring = ${folder}/keyring
mon_data = ${folder}/mon
osd_data = ${folder}/osd
rgw_data = ${folder}/rgw
run_dir = ${folder}/run
crash_dir = ${folder}/run
log_file = ${folder}/log/$name.log
admin_socket =
# All on loopback; the OSD takes the first free ports of Ceph's own range.
mon_host = v2:127.0.0.1:${monPort}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
auth_allow_insecure_global_id_reclaim = false
# One node that starts at once, whatever room the disk has left.
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_tick_interval = 1
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
mon_cluster_log_to_file = false
osd_objectstore = memstore
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
[${RGW_NAME}]
rgw_frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw_dns_name = ${DNS_NAME}
# With a cache, a change of users or buckets waits 30 s for every gateway that was killed.
rgw_cache_enabled = false
`
}
