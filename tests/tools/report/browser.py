# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over a pipe by its DevTools protocol."""
import base64
import json
import os
import select
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds for anything: a hang, not a slow machine


class Browser:
    """One page. `problems` collects console errors, exceptions, log entries
    and requests for anything but files."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory()
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()
        # Chromium reads from 3 and writes to 4.
        self.process = subprocess.Popen(
            ['sh', '-c', f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}',
             program, '--headless=new', '--no-sandbox', '--disable-gpu',
             '--hide-scrollbars', '--disable-dev-shm-usage',
             '--disable-background-networking', '--no-first-run',
             '--remote-debugging-pipe',
             f'--user-data-dir={self.profile.name}', 'about:blank'],
            pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.number = b'', 0
        self.problems, self.loaded, self.session = [], False, None
        target = self.call('Target.createTarget', url='about:blank')
        self.session = self.call('Target.attachToTarget', flatten=True,
                                 targetId=target['targetId'])['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.read_end)
        os.close(self.write_end)
        try:
            self.profile.cleanup()
        except OSError:
            pass  # its children may still be writing

    def call(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                assert 'error' not in answer, (method, answer['error'])
                return answer['result']

    def receive(self):
        deadline = time.monotonic() + PATIENCE
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [],
                                        deadline - time.monotonic())
            assert ready, 'the browser does not answer'
            part = os.read(self.read_end, 1 << 20)
            assert part, 'the browser is gone'
            self.buffer += part
        text, self.buffer = self.buffer.split(b'\0', 1)
        message = json.loads(text)
        self.note(message.get('method'), message.get('params', {}))
        return message

    def note(self, event, parameters):
        if event == 'Page.loadEventFired':
            self.loaded = True
        elif event == 'Runtime.exceptionThrown':
            self.problems.append(parameters['exceptionDetails'])
        elif event == 'Runtime.consoleAPICalled':
            if parameters['type'] in ('error', 'warning', 'assert'):
                self.problems.append(parameters)
        elif event == 'Log.entryAdded':
            if parameters['entry']['level'] in ('error', 'warning'):
                self.problems.append(parameters['entry'])
        elif event == 'Network.requestWillBeSent':
            url = parameters['request']['url']
            if not url.startswith(('file:', 'data:', 'about:')):
                self.problems.append(f'request for {url}')

    def open(self, path, width=1100, height=900, dark=False, scale=1):
        self.call('Emulation.setDeviceMetricsOverride', width=width,
                  height=height, deviceScaleFactor=scale, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme',
             'value': 'dark' if dark else 'light'}])
        self.loaded = False
        self.call('Page.navigate', url=f'file://{os.path.abspath(path)}')
        while not self.loaded:
            self.receive()

    def evaluate(self, expression):
        answer = self.call('Runtime.evaluate', expression=expression,
                           returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def move(self, x, y):
        self.call('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)

    def click(self, x, y):
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y,
                      button='left', clickCount=1)

    def key(self, name):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=name, code=name)

    def screenshot(self, path, whole=False):
        picture = self.call('Page.captureScreenshot', format='png',
                            captureBeyondViewport=whole, **(
                                {'clip': self.whole_page()} if whole else {}))
        data = base64.b64decode(picture['data'])
        with open(path, 'wb') as file:
            file.write(data)
        return data

    def whole_page(self):
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        return {'x': 0, 'y': 0, 'width': size['width'],
                'height': size['height'], 'scale': 1}
