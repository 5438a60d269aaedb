/** Three players behind one set of verbs, for a test that drives them. Each reports its errors, and starts with CMCD on. */

const SESSION = '6e2fb550-c457-11e9-bb97-0800200c9a66'
const video = document.querySelector('video')
const errors = []

/** Whether a player that stands still waits for an answer; Shaka Player's requests are not counted, which fetches. */
let unanswered = 0
const { send } = XMLHttpRequest.prototype
XMLHttpRequest.prototype.send = function (...content) {
  unanswered += 1
  this.addEventListener('loadend', () => {
    unanswered -= 1
  })
  send.apply(this, content)
}

function startHls(url, options) {
  const cmcd = { sessionId: SESSION, contentId: 'sample', useHeaders: true }
  const hls = new Hls({ cmcd, maxBufferLength: 8, ...options })
  hls.on(Hls.Events.ERROR, (_, { details, response, error }) => {
    // What it gave up by itself, as when it changes renditions, is no failure.
    if (details === Hls.ErrorDetails.INTERNAL_ABORTED) return
    // Nor is a picture that a slow machine is late with, though its bytes are here. Without them it is one.
    if (details === Hls.ErrorDetails.BUFFER_STALLED_ERROR && bufferedAhead() > 1) return
    errors.push(`${details} ${response?.code} ${error?.message}`)
  })
  hls.loadSource(url)
  hls.attachMedia(video)
  return {
    ready: new Promise((resolve) => hls.once(Hls.Events.MANIFEST_PARSED, resolve)),
    select: (height) => {
      hls.nextLevel = hls.levels.findIndex((level) => level.height === height)
    },
    destroy: async () => hls.destroy(),
  }
}

const sendCookies = (xhr) => {
  xhr.withCredentials = true
}

/** Seconds. */
function bufferedAhead() {
  const { buffered, currentTime } = video
  const at = Array.from({ length: buffered.length }, (_, index) => index)
  const here = at.find((index) => buffered.start(index) <= currentTime && buffered.end(index) > currentTime)
  return here === undefined ? 0 : buffered.end(here) - currentTime
}

const adapters = {
  'hls.js': (url) => startHls(url, {}),
  'hls.js with cookies': (url) => startHls(url, { xhrSetup: sendCookies }),
  'dash.js': (url) => {
    const player = dashjs.MediaPlayer().create()
    player.updateSettings({
      streaming: {
        cmcd: { enabled: true, sid: SESSION, cid: 'sample', mode: 'query' },
        abr: { autoSwitchBitrate: { video: false } },
        // Less than up to the end by the time of the last seek.
        buffer: { fastSwitchEnabled: true, bufferTimeDefault: 4, bufferTimeAtTopQuality: 4, bufferToKeep: 2 },
      },
    })
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => errors.push(JSON.stringify(error)))
    player.initialize(video, url, false)
    return {
      rate: 2,
      ready: new Promise((resolve) => player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, resolve)),
      select: (height) => {
        const { id } = player.getRepresentationsByType('video').find((one) => one.height === height)
        player.setRepresentationForTypeById('video', id)
      },
      destroy: async () => player.destroy(),
    }
  },
  'Shaka Player': (url) => {
    const player = new shaka.Player()
    player.configure({
      cmcd: { enabled: true, sessionId: SESSION, contentId: 'sample', useHeaders: false },
      abr: { enabled: false },
      streaming: { bufferingGoal: 8 },
    })
    player.addEventListener('error', ({ detail }) => errors.push(`${detail.code} ${detail.data}`))
    return {
      ready: player
        .attach(video)
        .then(() => player.load(url))
        .catch((error) => errors.push(`${error.code} ${error.data}`)),
      select: (height) => {
        const track = player.getVariantTracks().find((one) => one.height === height)
        player.selectVariantTrack(track, true)
      },
      destroy: () => player.destroy(),
    }
  },
}

let adapter

const PATIENCE_MS = 30_000

/** Rejects, with what the element is at, where it comes to nothing: a player that stands still tells no error. */
const until = (happened) => {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const look = () => {
      if (happened()) resolve()
      else if (performance.now() - started > PATIENCE_MS) reject(new Error(`stands still: ${state()}`))
      else setTimeout(look, 20)
    }
    look()
  })
}

/** As `until`, by a viewer who starts again what its player has paused: dash.js does, where a machine is slow. */
const playUntil = (happened) =>
  until(() => {
    if (video.paused && !video.ended) video.play().catch(() => undefined)
    return happened()
  })

function state() {
  const { buffered, currentTime, seeking, paused, readyState, videoHeight } = video
  const ranges = Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)])
  return JSON.stringify({ currentTime, seeking, paused, readyState, videoHeight, ranges, unanswered, errors })
}

globalThis.watch = {
  errors,
  open: async (name, url) => {
    adapter = adapters[name](url)
    let isReady = false
    adapter.ready.then(() => {
      isReady = true
    })
    await until(() => isReady || errors.length > 0)
    if (!isReady) throw new Error(errors.join(', '))
    video.playbackRate = adapter.rate ?? 4
    await video.play()
  },
  /** Resolves with the errors once there is one. */
  refused: async (name, url) => {
    adapter = adapters[name](url)
    await until(() => errors.length > 0)
    return errors
  },
  /** Resolves once the picture has come to this second. */
  playTo: (seconds) => playUntil(() => !video.seeking && video.currentTime >= seconds),
  seek: async (seconds) => {
    video.pause()
    video.currentTime = seconds
    await video.play()
    await playUntil(() => !video.seeking && video.currentTime >= seconds)
  },
  /** Resolves once the picture has this height. */
  switchTo: async (height) => {
    const { playbackRate } = video
    // It must not have come to the end by then.
    video.playbackRate = Math.min(playbackRate, 2)
    adapter.select(height)
    await until(() => video.videoHeight === height)
    video.playbackRate = playbackRate
  },
  playToEnd: async () => {
    await playUntil(() => video.ended)
    return { playedTo: video.currentTime, duration: video.duration }
  },
  destroy: () => adapter.destroy(),
}
