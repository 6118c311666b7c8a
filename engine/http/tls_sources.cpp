// Asio's TLS, compiled once for every room (BOOST_ASIO_SEPARATE_COMPILATION is set for all of
// them).
#include <boost/asio/ssl/impl/src.hpp>
