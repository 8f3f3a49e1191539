<?php
// An application on PHP's binding to libzmq. It does what the test tells it on standard input (application.ts).

$context = new ZMQContext();
$subscriber = $context->getSocket(ZMQ::SOCKET_SUB);
$publisher = $context->getSocket(ZMQ::SOCKET_XPUB);

function address(string $port): string
{
    return "tcp://127.0.0.1:$port";
}

function tell(string $what, string $message): void
{
    echo json_encode([$what => base64_encode($message)]), "\n";
}

$verbs = [
    'request' => function (string $port, string $body) use ($context): void {
        $requester = $context->getSocket(ZMQ::SOCKET_REQ);
        $requester->connect(address($port));
        $requester->send(base64_decode($body));
        tell('reply', $requester->recv());
    },
    'join' => function (string $port, string $prefix) use ($subscriber): void {
        $subscriber->connect(address($port));
        $subscriber->setSockOpt(ZMQ::SOCKOPT_SUBSCRIBE, $prefix);
    },
    'receive' => function (string $count) use ($subscriber): void {
        for ($index = 0; $index < (int) $count; $index++) tell('frame', $subscriber->recv());
    },
    'connect' => function (string $port) use ($publisher): void {
        $publisher->connect(address($port));
        // What is sent before the broker's two subscriptions are here is dropped.
        for ($index = 0; $index < 2; $index++) $publisher->recv();
    },
    'publish' => fn (string $body) => $publisher->send(base64_decode($body)),
];
while (($line = fgets(STDIN)) !== false) {
    $arguments = explode(' ', trim($line));
    $verbs[array_shift($arguments)](...$arguments);
}
