// Beast, compiled once for every room (BOOST_BEAST_SEPARATE_COMPILATION is set for all of them).
#include <boost/beast/src.hpp>
