"""An application on CZMQ, through Python's ctypes: so no compiler is needed. It does what the test tells it on standard
input (application.ts)."""

from base64 import b64decode, b64encode
from ctypes import CDLL, byref, c_char_p, c_int, c_size_t, c_void_p, string_at
import sys

czmq = CDLL("libczmq.so.4")
# Pointers, which ctypes takes for ints unless it is told.
for function, result, arguments in (
    ("zsock_new_req", c_void_p, (c_char_p,)),
    ("zsock_new_sub", c_void_p, (c_char_p, c_char_p)),
    ("zsock_new_xpub", c_void_p, (c_char_p,)),
    ("zsock_destroy", None, (c_void_p,)),
    ("zframe_new", c_void_p, (c_char_p, c_size_t)),
    ("zframe_recv", c_void_p, (c_void_p,)),
    ("zframe_send", c_int, (c_void_p, c_void_p, c_int)),
    ("zframe_size", c_size_t, (c_void_p,)),
    ("zframe_data", c_void_p, (c_void_p,)),
    ("zframe_destroy", None, (c_void_p,)),
):
    getattr(czmq, function).restype = result
    getattr(czmq, function).argtypes = arguments

sockets = {}


def address(port):
    # ">" connects, whatever the type of the socket would do by default.
    return f">tcp://127.0.0.1:{port}".encode()


def read(socket):
    frame = c_void_p(czmq.zframe_recv(socket))
    message = string_at(czmq.zframe_data(frame), czmq.zframe_size(frame))
    czmq.zframe_destroy(byref(frame))
    return message


def write(socket, body):
    message = b64decode(body)
    frame = c_void_p(czmq.zframe_new(message, len(message)))
    czmq.zframe_send(byref(frame), socket, 0)


def tell(what, message):
    print(f'{{"{what}":"{b64encode(message).decode()}"}}', flush=True)


def request(port, body):
    requester = c_void_p(czmq.zsock_new_req(address(port)))
    write(requester, body)
    tell("reply", read(requester))
    czmq.zsock_destroy(byref(requester))


def join(port, prefix):
    sockets["subscriber"] = czmq.zsock_new_sub(address(port), prefix.encode())


def receive(count):
    for _ in range(int(count)):
        tell("frame", read(sockets["subscriber"]))


def connect(port):
    sockets["publisher"] = czmq.zsock_new_xpub(address(port))
    # What is sent before the broker's two subscriptions are here is dropped.
    for _ in range(2):
        read(sockets["publisher"])


def publish(body):
    write(sockets["publisher"], body)


verbs = {verb.__name__: verb for verb in (request, join, receive, connect, publish)}
for line in sys.stdin:
    verb, *arguments = line.split()
    verbs[verb](*arguments)
