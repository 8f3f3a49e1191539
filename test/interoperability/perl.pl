# An application on Perl's ZMQ::FFI, which is libzmq. It does what the test tells it on standard input (application.ts).
use strict;
use warnings;
use MIME::Base64 qw(decode_base64 encode_base64);
use ZMQ::FFI qw(ZMQ_REQ ZMQ_SUB ZMQ_XPUB);

$| = 1;
my $context    = ZMQ::FFI->new();
my $subscriber = $context->socket(ZMQ_SUB);
my $publisher  = $context->socket(ZMQ_XPUB);

sub address { return "tcp://127.0.0.1:$_[0]" }

sub tell_of {
    my ($what, $message) = @_;
    printf qq({"%s":"%s"}\n), $what, encode_base64($message, '');
}

my %verbs = (
    request => sub {
        my ($port, $body) = @_;
        my $requester = $context->socket(ZMQ_REQ);
        $requester->connect(address($port));
        $requester->send(decode_base64($body));
        tell_of('reply', $requester->recv());
    },
    join => sub {
        my ($port, $prefix) = @_;
        $subscriber->connect(address($port));
        $subscriber->subscribe($prefix);
    },
    receive => sub {
        tell_of('frame', $subscriber->recv()) for 1 .. $_[0];
    },
    connect => sub {
        $publisher->connect(address($_[0]));
        # What is sent before the broker's two subscriptions are here is dropped.
        $publisher->recv() for 1 .. 2;
    },
    publish => sub { $publisher->send(decode_base64($_[0])) },
);
while (my $line = <STDIN>) {
    my ($verb, @arguments) = split ' ', $line;
    $verbs{$verb}->(@arguments);
}
